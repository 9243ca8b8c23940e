/** The model's script for each chapter of the story. */
import type { Scripts } from '@berth/plugin-api/fakes';

export const FILES = {
  'package.json': '{ "name": "sum", "type": "module", "scripts": { "test": "node --test" } }\n',
  'sum.js': 'export const sum = (a, b) => a - b;\n',
  'sum.test.js': [
    "import assert from 'node:assert';",
    "import { test } from 'node:test';",
    "import { sum } from './sum.js';",
    "test('adds', () => assert.equal(sum(2, 3), 5));",
    '',
  ].join('\n'),
} as const;

const FIXED = FILES['sum.js'].replace('-', '+');

export const SCRIPTS: Scripts = {
  default: {
    answers: [
      { text: 'I look first.', calls: [{ do: 'read', path: 'sum.js' }] },
      { text: 'It takes away.', calls: [{ do: 'edit', path: 'sum.js', old: FILES['sum.js'], new: FIXED }] },
      { calls: [{ do: 'bash', command: 'node --test' }] },
      { text: 'It adds.' },
    ],
    followUps: [
      {
        match: 'also multiply',
        answers: [
          { calls: [{ do: 'write', path: 'times.js', content: 'export const times = (a, b) => a * b;\n' }] },
          { text: 'It multiplies.' },
        ],
      },
    ],
  },
  slow: {
    match: 'take your time',
    answers: [{ calls: [{ do: 'bash', command: 'node -e "setTimeout(() => {}, 60000)"' }] }],
  },
  unknown: {
    match: 'a model that nobody has',
    answers: [{ error: { status: 404, message: 'The model `nope` does not exist.' } }],
  },
};
