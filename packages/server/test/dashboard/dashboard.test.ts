/** The dashboard in a real browser, on the real server with real sandboxes; the agent does what its prompt says. */
import type { Workspace } from '@berth/contract';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BROKEN_SUM, makeRepository } from '../system/repository.ts';
import { createWorld, type SystemWorld } from '../system/server.ts';
import { eventAfter, steps } from '../system/tasks.ts';
import { type Browser, type Look, startBrowser } from './browser.ts';

const TASK_MS = 40_000;
/** More than a page has to stop at. */
const MOST_TABS = 60;

/** Orders to a terminal, and a direction that makes text look like another one. */
const UNSEEN = '\u202e\u2066\u001b[2K';
const SHOWN = '\\u202e\\u2066\\u001b[2K';
const hostile = (mark: string) => `<img src=x onerror="document.title='owned'"> ${'x'.repeat(300)}${mark}`;
const RIGHT_SUM = `export const sum = (a, b) => a + b; // ${UNSEEN}\n`;
const FIX = steps(
  { think: 'The sign is wrong.' },
  { say: hostile(UNSEEN) },
  { write: { path: 'sum.js', content: RIGHT_SUM } },
);

let world: SystemWorld;
let browser: Browser;
let workspace: Workspace;
beforeAll(async () => {
  [world, browser] = await Promise.all([createWorld({ env: { BERTH_AGENT: 'scripted' } }), startBrowser()]);
  const source = makeRepository(world.folder, 'sum', BROKEN_SUM);
  workspace = await world.client.workspaces.create({ repositories: [{ source }] });
}, 60_000);
afterAll(async () => {
  await browser?.end();
  await world?.end();
}, 60_000);

/** A page that has signed in by the link. */
const signedIn = async (look?: Look): Promise<Page> => {
  const page = await browser.open(look);
  await page.goto(`${world.address}/#token=${world.token}`);
  await page.getByRole('list', { name: 'List of tasks' }).waitFor({ state: 'attached' });
  return page;
};

const state = (page: Page, name: string): Locator => page.locator('.task-head .badge', { hasText: name });
const sees = (locator: Locator) => locator.first().waitFor({ timeout: TASK_MS });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

test('asks for a token, refuses a wrong one, and keeps the right one out of the address', async () => {
  const page = await browser.open();
  await page.goto(world.address);
  await page.getByLabel('Token').fill('berth_wrong');
  await button(page, 'Sign in').click();
  await sees(page.getByText('rejected this token'));
  await page.getByLabel('Token').fill(world.token);
  await button(page, 'Sign in').click();
  await sees(page.getByText('live', { exact: true }));
  await page.reload();
  await sees(page.getByText('live', { exact: true }));
  await button(page, 'Sign out').click();
  await sees(page.getByLabel('Token'));
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);

  await page.goto(`${world.address}/#token=${world.token}`);
  await sees(page.getByText('live', { exact: true }));
  expect(page.url()).toBe(`${world.address}/#/`);
});

test('a task is asked for, watched to its end, and continued', async () => {
  const page = await signedIn();
  await page.getByRole('link', { name: 'New task' }).click();
  await button(page, 'Start the task').click();
  await sees(page.locator('#note-prompt.problem'));
  await page.getByLabel('Prompt').fill(FIX);
  await page.getByLabel('Model').fill('nowhere/model');
  await page.getByLabel('Agent').selectOption('opencode');
  await button(page, 'Start the task').click();
  await sees(page.locator('#note-model.problem'));
  await page.getByLabel('Model').fill('');
  await page.getByLabel('Agent').selectOption('scripted');
  await page.getByLabel('Title').fill('Mend the sum');
  await button(page, 'Start the task').click();

  await sees(page.getByRole('heading', { name: 'Mend the sum' }));
  await sees(page.locator('.stage'));
  await sees(state(page, 'completed'));
  const said = page.locator('.said-agent p');
  expect(await said.allTextContents()).toEqual([hostile(SHOWN)]);
  expect(await page.locator('.items img').count()).toBe(0);
  expect(await page.title()).toBe('Mend the sum · Berth');
  await sees(page.locator('.tool', { hasText: 'write sum.js' }));
  await sees(page.locator('.stage-done', { hasText: 'gate' }));
  await sees(page.locator('.evidence', { hasText: 'exit 0' }));
  await sees(page.locator('.line-added', { hasText: 'a + b' }));
  await sees(page.locator('.line-added', { hasText: SHOWN }));
  await sees(page.locator('.line-removed', { hasText: 'a - b' }));
  const drawn = await page.content();
  expect([...UNSEEN.slice(0, 3)].filter((mark) => drawn.includes(mark))).toEqual([]);
  expect([await button(page, 'Cancel').count(), await button(page, 'Try again').count()]).toEqual([0, 0]);

  await page.getByLabel('Follow up').fill(steps({ say: 'And more.' }, { run: 'echo more > more.txt' }));
  await button(page, 'Send').click();
  await sees(page.getByRole('button', { name: 'Attempt 2, completed' }));
  await sees(page.locator('.said-agent', { hasText: 'And more.' }));
  await page.getByRole('button', { name: 'Attempt 1, completed' }).click();
  await expect.poll(() => said.allTextContents()).toEqual([hostile(SHOWN)]);
}, 90_000);

test('a task is cancelled while it works, and what may be done next changes with it', async () => {
  const page = await signedIn();
  const { lastSeq } = await world.client.system.stats();
  const { id } = await world.client.tasks.create({
    workspaceId: workspace.id,
    title: 'Wait for ever',
    prompt: steps({ say: 'I wait.' }, { hang: true }),
  });
  // The list shows it without being asked again.
  await page
    .getByRole('list', { name: 'List of tasks' })
    .getByRole('link', { name: 'Wait for ever' })
    .click();
  await sees(page.locator('.said-agent', { hasText: 'I wait.' }));
  await button(page, 'Cancel').click();
  await eventAfter(world.client, lastSeq, ({ type, subject }) => type === 'task.cancelled' && subject === id);
  await sees(state(page, 'cancelled'));
  await sees(button(page, 'Try again'));
  expect(await button(page, 'Cancel').count()).toBe(0);
  expect(await page.getByLabel('Follow up').count()).toBe(0);
}, 60_000);

/** Takes the only test of the target away, and mends the sum as well. */
const WEAKER = steps({ write: { path: 'sum.js', content: RIGHT_SUM } }, { run: 'rm sum.test.js lint.sh' });

test('a change that weakens its gate is decided about by keyboard on a phone, and by mouse', async () => {
  const source = makeRepository(world.folder, 'weaker', {
    ...BROKEN_SUM,
    'sum.js': RIGHT_SUM,
    'lint.sh': 'true\n',
  });
  const { id: workspaceId } = await world.client.workspaces.create({
    repositories: [{ source }],
    gate: { commands: [{ name: 'lint', run: 'sh lint.sh || true' }] },
  });
  const decide = async (title: string, look: Look, answer: (page: Page) => Promise<void>, end: string) => {
    await world.client.tasks.create({ workspaceId, title, prompt: WEAKER, maxRounds: 1 });
    const page = await signedIn(look);
    const attention = page.getByRole('region', { name: 'Needs attention' });
    const link = attention.getByRole('link', { name: title });
    await sees(link);
    await link.click();
    await sees(state(page, 'waiting'));
    const weakened = page.getByRole('group', { name: 'What the change weakens' });
    await sees(weakened);
    expect(await weakened.getByRole('listitem').allTextContents()).toEqual([
      'script changed: lint.sh deleted',
      'test deleted: sum.test.js',
    ]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.width);
    // Seen without scrolling, above all that was done.
    await sees(page.locator('.evidence'));
    const place = await button(page, 'Land it').boundingBox();
    expect((place?.y ?? Infinity) + (place?.height ?? 0)).toBeLessThan(look.height ?? 0);
    await answer(page);
    await sees(state(page, end));
    expect(await button(page, 'Land it').count()).toBe(0);
    return page;
  };
  const wide = { width: 1280, height: 900, scheme: 'light' } as const;
  const ended = await decide('Weaken in vain', wide, rejectInTwoSteps, 'failed');
  const decision = (page: Page) => page.getByRole('group', { name: 'The decision' });
  await sees(decision(ended));
  expect(await decision(ended).innerText()).toMatch(
    new RegExp(`^Rejected by owner · .+\\n+Keep the test${RegExp.escape(SHOWN)}$`),
  );
  expect(await decision(ended).getByRole('time').getAttribute('datetime')).toMatch(/^20\d\d-/);
  // Told once, though the task, its change and its gate have the same error.
  await sees(ended.getByText('The change was rejected'));
  expect(await ended.getByRole('alert').count()).toBe(1);
  const failed = await toneOf(state(ended, 'failed'));
  const phone = { width: 390, height: 844, scheme: 'dark' } as const;
  const landInOne = async (page: Page) => {
    expect(await toneOf(state(page, 'waiting'))).not.toBe(failed);
    await press(page, 'Land it');
  };
  const landed = await decide('Weaken and land', phone, landInOne, 'completed');
  await sees(decision(landed));
  expect(await decision(landed).innerText()).toMatch(/^Approved by owner · /);
  expect(await landed.evaluate(() => document.documentElement.scrollWidth)).toBe(phone.width);
}, 90_000);

const toneOf = (badge: Locator): Promise<string> =>
  badge.evaluate((node) => node.className.split(' ').find((name: string) => name.startsWith('tone-')) ?? '');

/** The first step alone decides nothing, and can be taken back. */
const rejectInTwoSteps = async (page: Page): Promise<void> => {
  await press(page, 'Reject…');
  await page.keyboard.press('Escape');
  await sees(button(page, 'Land it'));
  await press(page, 'Reject…');
  await page.keyboard.type('Keep the test');
  await page.keyboard.insertText(UNSEEN);
  await sees(state(page, 'waiting'));
  await press(page, 'Reject the change');
};

/** As somebody without a mouse: from the top of the page to the button, and down on it. */
const press = async (page: Page, name: string): Promise<void> => {
  const wanted = button(page, name);
  for (let presses = 0; presses < MOST_TABS; presses += 1) {
    if (await wanted.evaluate((node) => node === document.activeElement)) break;
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
};

test('what failed is told as needing attention, and its events are listed', async () => {
  const page = await signedIn();
  await world.client.tasks.create({
    workspaceId: workspace.id,
    title: 'Break',
    prompt: steps({ fail: 'the disk is <b>full</b>' }),
  });
  const attention = page.getByRole('region', { name: 'Needs attention' });
  await sees(attention.getByText('the disk is <b>full</b>'));
  await page.getByRole('link', { name: 'Events' }).click();
  await page.getByLabel('Filter by type or id').fill('task.failed');
  await sees(page.locator('.events strong', { hasText: 'task.failed' }));
  expect(await page.locator('.events strong', { hasText: 'task.created' }).count()).toBe(0);
}, 60_000);

test('fits a phone, and follows the scheme of the system', async () => {
  const { rows } = await world.client.tasks.list({ state: 'completed' });
  const grounds = new Set<string>();
  for (const scheme of ['light', 'dark'] as const) {
    const page = await signedIn({ width: 390, height: 844, scheme });
    for (const address of ['', 'events', 'new', `tasks/${rows[0]?.id}`]) {
      await page.goto(`${world.address}/#/${address}`);
      await sees(page.locator('.card'));
      if (address.startsWith('tasks')) await sees(page.locator('.line-added, .line-removed'));
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    }
    grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  expect(grounds).toEqual(new Set(['rgb(244, 246, 248)', 'rgb(14, 19, 24)']));
}, 60_000);

test('no page broke its policy or threw', () => {
  // The browser itself writes a line for every answer that refuses; those were asked for above.
  const asked = /^Failed to load resource: the server responded with a status of (?:400|401|503) /;
  expect(browser.complaints.filter((line) => !asked.test(line))).toEqual([]);
});
