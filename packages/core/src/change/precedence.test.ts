import { expect, test } from 'vitest';
import { createPrecedence } from './precedence.ts';

const never = new AbortController().signal;

/** Does what is asked and notes its name once it has come through. */
const scene = () => {
  const precedence = createPrecedence();
  const through: string[] = [];
  const note = (name: string, waiting: Promise<void>) =>
    waiting.then(
      () => void through.push(name),
      (error: unknown) => void through.push(`${name}: ${String(error)}`),
    );
  const rest = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { precedence, through, note, rest };
};

test('precedence comes in the order in which it was asked for, and others wait for all of them', async () => {
  const { precedence, through, note, rest } = scene();
  await precedence.take('ws', 'a', never);
  void note('b', precedence.take('ws', 'b', never));
  void note('c', precedence.take('ws', 'c', never));
  void note('other', precedence.pass('ws', 'd', never));
  await note('a itself', precedence.pass('ws', 'a', never));
  await note('another workspace', precedence.pass('ws_2', 'd', never));
  await rest();
  expect(through).toEqual(['a itself', 'another workspace']);
  for (const holder of ['a', 'b']) {
    precedence.release('ws', holder);
    await rest();
  }
  expect(through.slice(2)).toEqual(['b', 'c']);
  precedence.release('ws', 'c');
  await rest();
  expect(through.slice(4)).toEqual(['other']);
});

test('precedence that is taken twice is one, and who gives up leaves the line', async () => {
  const { precedence, through, note, rest } = scene();
  await precedence.take('ws', 'a', never);
  await precedence.take('ws', 'a', never);
  const cancel = new AbortController();
  void note('b', precedence.take('ws', 'b', cancel.signal));
  void note('c', precedence.pass('ws', 'c', cancel.signal));
  cancel.abort('enough');
  await rest();
  expect(through.sort()).toEqual(['b: enough', 'c: enough']);
  precedence.release('ws', 'a');
  precedence.release('ws', 'a');
  await precedence.pass('ws', 'd', never);
});
