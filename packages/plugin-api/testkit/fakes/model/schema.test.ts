import { expect, test } from 'vitest';
import { fillSchema } from './schema.ts';

const values = { path: 'a.txt', content: 'hello' };
const object = (properties: Record<string, unknown>, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
});
const text = { type: 'string' };

test('parameters are found by any of their usual names', () => {
  expect(fillSchema(object({ filePath: text, content: text }), values)).toEqual({
    filePath: 'a.txt',
    content: 'hello',
  });
  expect(fillSchema(object({ file_path: text, file_text: text }), values)).toEqual({
    file_path: 'a.txt',
    file_text: 'hello',
  });
});

test('a command is an argument list where the tool takes one, and a list of one elsewhere', () => {
  const list = { type: 'array', items: text };
  expect(fillSchema(object({ command: list }), { command: 'ls' })).toEqual({
    command: ['bash', '-lc', 'ls'],
  });
  expect(fillSchema(object({ commands: list }), { command: 'ls' })).toEqual({ commands: ['ls'] });
  const steps = { type: 'array', items: object({ command: text }) };
  expect(fillSchema(object({ commands: steps }), { command: 'ls' })).toEqual({
    commands: [{ command: 'ls' }],
  });
});

test('what belongs together goes into a list of edits', () => {
  const edits = { type: 'array', items: object({ old_string: text, new_string: text }) };
  expect(fillSchema(object({ file: text, edits }), { path: 'a', old: 'x', new: 'y' })).toEqual({
    file: 'a',
    edits: [{ old_string: 'x', new_string: 'y' }],
  });
});

test('of a union the member that can be filled is taken, and the spelling of types does not matter', () => {
  const union = { anyOf: [{ type: 'null' }, text] };
  expect(fillSchema(object({ path: union }), values)).toEqual({ path: 'a.txt' });
  const lists = { oneOf: [text, { type: 'ARRAY', items: text }] };
  expect(fillSchema(object({ content: { oneOf: [text] } }), values)).toEqual({ content: 'hello' });
  expect(fillSchema(object({ text: { type: ['null', 'string'] } }), values)).toEqual({ text: 'hello' });
  expect(fillSchema(object({ text: lists }), values)).toEqual({ text: 'hello' });
});

test('what else is required gets the plainest value there is', () => {
  const properties = {
    a: { type: 'string', default: 'given' },
    b: { enum: ['first', 'second'] },
    c: { type: 'boolean' },
    d: { type: 'integer', minimum: 3 },
    e: { type: 'number' },
    f: { type: 'array', items: text },
    g: object({ inner: text }, ['inner']),
    h: text,
    optional: text,
  };
  expect(fillSchema(object(properties, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']), {})).toEqual({
    a: 'given',
    b: 'first',
    c: false,
    d: 3,
    e: 0,
    f: [],
    g: { inner: 'scripted' },
    h: 'scripted',
  });
});
