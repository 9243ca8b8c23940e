/**
 * A page of the guide as a program: its `sh` and `ts` blocks, run one after the other as a reader would, and what each
 * is said to print in the `text` block behind it. Each line of that must stand in what was printed, in this order.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

export interface Example {
  readonly language: 'sh' | 'ts';
  readonly code: string;
  /** Lines that it prints, among others. */
  readonly prints: readonly string[];
}

const BLOCK = /^```(\w+)\n([\s\S]*?)^```$/gm;

export const examplesIn = (page: string): readonly Example[] => {
  const examples: Example[] = [];
  for (const [, language, code = ''] of page.matchAll(BLOCK)) {
    const last = examples.at(-1);
    if (language === 'sh' || language === 'ts') examples.push({ language, code, prints: [] });
    else if (language === 'text' && last !== undefined)
      examples[examples.length - 1] = { ...last, prints: code.trimEnd().split('\n') };
  }
  return examples;
};

export interface Told {
  readonly exitCode: number | null;
  /** What each example printed; fewer than there are examples when one failed. */
  readonly printed: readonly string[];
  readonly errors: string;
}

const MARK = '── end of an example ──';

/** One shell for the whole page, so that what one example sets the next one has. It stops at the first failure. */
export const tell = async (
  examples: readonly Example[],
  { folder, env }: { readonly folder: string; readonly env: NodeJS.ProcessEnv },
): Promise<Told> => {
  const lines = examples.map(({ language, code }, index) => {
    if (language === 'sh') return code;
    const path = join(folder, `example-${index}.ts`);
    writeFileSync(path, code);
    return `node ${path}\n`;
  });
  const script = ['set -euo pipefail', ...lines.map((line) => `${line}echo '${MARK}'`)].join('\n');
  const child = spawn('bash', ['-c', script], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const printed = out.split(`${MARK}\n`);
  if (printed.at(-1) === '') printed.pop();
  return { exitCode, printed, errors };
};

/** The lines that were promised and did not come, or not in their order. */
export const missingLines = ({ prints }: Example, printed: string): readonly string[] => {
  const came = printed.split('\n').map((line) => line.trimEnd());
  let next = 0;
  return prints.filter((line) => {
    const found = came.indexOf(line, next);
    if (found >= 0) next = found + 1;
    return found < 0;
  });
};

/** The environment of somebody who has installed `berth` and nothing is set for. */
export const readerOf = (folder: string, programs: string): NodeJS.ProcessEnv => {
  const { BERTH_ADDRESS: _a, BERTH_TOKEN: _t, ...rest } = process.env;
  return { ...rest, PATH: `${programs}:${process.env.PATH}`, HOME: folder, BERTH_PORT: '0' };
};
