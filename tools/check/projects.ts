/**
 * The three kinds of tests, by folder.
 *
 * - unit: beside the code; files and short processes at most.
 * - integration: one real thing (a runtime, git, a database, a listener), or laws across many parts.
 * - system: the whole product, as its users start it.
 */
import { matchesGlob } from 'node:path';

export const PROJECTS: Readonly<Record<string, readonly string[]>> = {
  unit: ['packages/*/src', 'packages/plugin-api/testkit', 'tools'],
  integration: [
    'packages/core/testing',
    'packages/{cli,guest,plugins}/test',
    'packages/server/test/{egress,git,guest,home,host,http,machines,store}',
  ],
  system: ['packages/server/test/{cli,crash,dashboard,docs,setup,system}'],
};

/** Of a test file, relative to the root. */
export const projectOf = (file: string): string | undefined =>
  Object.entries(PROJECTS).find(([, folders]) =>
    folders.some((folder) => matchesGlob(file, `${folder}/**`)),
  )?.[0];
