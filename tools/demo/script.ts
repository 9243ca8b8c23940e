/**
 * What the scripted model answers in the demo: first a fix that satisfies one test and breaks another, then, after
 * the red gate, the right one. The agent, its tools, the sandbox, the tests and git are real.
 */
import type { Scripts } from '@berth/plugin-api/fakes';

const PATH = 'src/split.js';
const BROKEN = '  return Array.from({ length: people }, () => part);\n';
const HASTY = [
  '  const rest = totalCents - part * people;',
  '  return Array.from({ length: people }, (_, index) => (index === 0 ? part + rest : part));',
  '',
].join('\n');
const RIGHT = [
  '  const rest = totalCents - part * people;',
  '  return Array.from({ length: people }, (_, index) => (index < rest ? part + 1 : part));',
  '',
].join('\n');

export const DEMO_SCRIPTS: Scripts = {
  default: {
    answers: [
      { text: 'I look at the code first.', calls: [{ do: 'read', path: PATH }] },
      {
        text: 'The remainder of the division is lost. I give it to the first person.',
        calls: [{ do: 'edit', path: PATH, old: BROKEN, new: HASTY }],
      },
      { text: 'The cents add up again.' },
    ],
    followUps: [
      {
        match: 'does not pass the checks',
        answers: [
          {
            text: 'Nobody may pay more than one cent more. The remainder is spread, one cent each.',
            calls: [{ do: 'edit', path: PATH, old: HASTY, new: RIGHT }],
          },
          { text: 'Now the parts add up and differ by at most one cent.' },
        ],
      },
    ],
  },
};
