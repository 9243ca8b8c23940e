/** Debian's own browser, without a window and without anything of its own to ask the network for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

export interface Browser {
  /** A page in a world of its own: no storage, no cookies of others. */
  open(look?: Look): Promise<Page>;
  /** What pages wrote to their consoles as errors, and what they threw: violations of the policy are among them. */
  readonly complaints: readonly string[];
  end(): Promise<void>;
}

export const startBrowser = async (): Promise<Browser> => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-browser-'));
  const context: BrowserContext = await chromium.launchPersistentContext(folder, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    env: { ...process.env, HOME: folder },
  });
  const running = context.browser();
  if (running === null) throw new Error('the browser ended');
  const complaints: string[] = [];
  const listen = (page: Page) => {
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
  };
  return {
    complaints,
    open: async ({ width = 1280, height = 900, scheme = 'light' } = {}) => {
      const own = await running.newContext({ viewport: { width, height }, colorScheme: scheme });
      const page = await own.newPage();
      page.setDefaultTimeout(20_000);
      listen(page);
      return page;
    },
    end: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
