/**
 * The whole gate, `npm run check`: every stage in order, a line with its duration for each, the reasons for failures,
 * and finally the count. `--only types,knip` runs some; `--list` lists them. Never prompts.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Outcome } from './check/outcome.ts';
import { STAGES, type Stage } from './check/stages.ts';

const main = async (root: string): Promise<void> => {
  const { values } = parseArgs({ options: { only: { type: 'string' }, list: { type: 'boolean' } } });
  if (values.list) return console.log(STAGES.map(({ name }) => name).join('\n'));
  const stages = chosen(values.only);
  const outcomes: [Stage, Outcome][] = [];
  for (const stage of stages) outcomes.push([stage, await timed(stage, root)]);
  for (const [stage, { reasons }] of outcomes)
    for (const reason of reasons) console.log(`✗ ${stage.name}: ${reason}`);
  const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, [, outcome]) => total + outcome[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
};

const chosen = (only: string | undefined): readonly Stage[] => {
  const names = only?.split(',') ?? STAGES.map(({ name }) => name);
  return names.map((name) => {
    const stage = STAGES.find((candidate) => candidate.name === name);
    if (stage !== undefined) return stage;
    console.error(`there is no stage ${name}; known are ${STAGES.map((known) => known.name).join(', ')}`);
    return process.exit(2);
  });
};

const timed = async (stage: Stage, root: string): Promise<Outcome> => {
  const start = performance.now();
  const outcome = await stage.run(root);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${outcome.failed === 0 ? '✓' : '✗'} ${stage.name.padEnd(12)} ${seconds.padStart(6)} s  ${stage.what}`,
  );
  return outcome;
};

await main(fileURLToPath(new URL('..', import.meta.url)));
