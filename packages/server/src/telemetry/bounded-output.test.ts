import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { boundedOutput } from './bounded-output.ts';

let folder: string;
let file: string;
const open: number[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-log-'));
  file = join(folder, 'server.log');
});
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
  rmSync(folder, { recursive: true });
});

const outputTo = (flags: string) => {
  const fd = openSync(file, flags);
  open.push(fd);
  return boundedOutput(fd, 100);
};

const line = (number: number): string => `${String(number).padStart(29, '.')}\n`;

test('a log that is full is started over, and what was in it is kept once', () => {
  const output = outputTo('a');
  for (let number = 1; number <= 8; number += 1) output.write(line(number));
  expect(readFileSync(file, 'utf8')).toBe([7, 8].map(line).join(''));
  expect(readFileSync(`${file}.1`, 'utf8')).toBe([4, 5, 6].map(line).join(''));
  expect(readdirSync(folder)).toHaveLength(2);
});

test('what an earlier server wrote counts, too', () => {
  const before = outputTo('a');
  for (const number of [1, 2, 3]) before.write(line(number));
  outputTo('a').write(line(4));
  expect(readFileSync(file, 'utf8')).toBe(line(4));
  expect(readFileSync(`${file}.1`, 'utf8')).toBe([1, 2, 3].map(line).join(''));
});

test('a file that is not appended to is left as somebody wanted it', () => {
  const output = outputTo('w');
  for (let number = 1; number <= 8; number += 1) output.write(line(number));
  expect(readFileSync(file, 'utf8')).toBe([1, 2, 3, 4, 5, 6, 7, 8].map(line).join(''));
  expect(readdirSync(folder)).toEqual(['server.log']);
});
