/**
 * Reads what agents wrote: a change beside its target, and what a gate prints of its tests. Hostile text can make any
 * of the patterns take minutes, so the server runs this outside its event loop and within a time limit.
 */
import { type JudgeChanges, judgeChanges } from './judges/judges.ts';
import { linesAmong } from './judges/neighbour-lines.ts';
import type { ReadText } from './judges/trees.ts';
import type { JudgedTree } from './repository/path-index.ts';
import { type AlteredTest, alterTest } from './suite/alter.ts';
import { testsRun } from './suite/counts.ts';
import { testsFailed, testsPassed } from './suite/names.ts';

export interface Comparison {
  /** All repositories of the workspace. */
  readonly target: readonly JudgedTree[];
  /** The repositories that the change touches. */
  readonly change: readonly JudgedTree[];
  /** The gate's shell lines that run in each repository. */
  readonly lines: Readonly<Record<string, readonly string[]>>;
}

export type ReadSide = (
  side: 'target' | 'change',
  repository: string,
  path: string,
) => Promise<string | undefined>;

export interface PrintedTests {
  readonly run: number | undefined;
  readonly failed: number;
  readonly passed: string[] | undefined;
}

export interface TestText {
  readonly path: string;
  readonly text: string;
}

/** Each resolves to undefined if the text took too much time or memory to read. */
export interface Judge {
  /** By repository. */
  compare(
    comparison: Comparison,
    read: ReadSide,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, JudgeChanges>> | undefined>;
  testsIn(output: string, signal: AbortSignal): Promise<PrintedTests | undefined>;
  /** A test file with each assertion altered so that it must fail. */
  alter(file: TestText, signal: AbortSignal): Promise<AlteredTest | undefined>;
}

/** Without limits, in the calling thread. */
export const directJudge: Judge = {
  compare: async ({ target, change, lines }, read, signal) => {
    const among = await linesAmong({
      trees: target,
      linesIn: (repository) => lines[repository] ?? [],
      textOf: (repository, path) => read('target', repository, path),
    });
    const found: Record<string, JudgeChanges> = {};
    for (const tree of change) {
      signal.throwIfAborted();
      const { repository } = tree;
      const base = target.find((one) => one.repository === repository);
      if (base === undefined) continue;
      const readText: ReadText = (side, path) => read(side, repository, path);
      found[repository] = await judgeChanges(
        { target: base, change: tree, lines: among.get(repository) ?? [] },
        readText,
      );
    }
    return found;
  },
  testsIn: async (output) => ({
    run: testsRun(output),
    failed: testsFailed(output),
    passed: testsPassed(output),
  }),
  alter: async ({ path, text }) => alterTest(path, text),
};
