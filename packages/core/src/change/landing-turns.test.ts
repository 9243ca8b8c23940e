import { expect, test } from 'vitest';
import { createLandingTurns } from './landing-turns.ts';

const never = new AbortController().signal;

/** Does what is asked and notes its name once it has come through. */
const scene = () => {
  const turns = createLandingTurns();
  const through: string[] = [];
  const note = (name: string, waiting: Promise<void>) =>
    waiting.then(
      () => void through.push(name),
      (error: unknown) => void through.push(`${name}: ${String(error)}`),
    );
  const rest = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { turns, through, note, rest };
};

test('turns come in the order in which they were asked for, and others wait for all of them', async () => {
  const { turns, through, note, rest } = scene();
  await turns.take('ws', 'a', never);
  void note('b', turns.take('ws', 'b', never));
  void note('c', turns.take('ws', 'c', never));
  void note('other', turns.pass('ws', 'd', never));
  await note('a itself', turns.pass('ws', 'a', never));
  await note('another workspace', turns.pass('ws_2', 'd', never));
  await rest();
  expect(through).toEqual(['a itself', 'another workspace']);
  for (const holder of ['a', 'b']) {
    turns.release('ws', holder);
    await rest();
  }
  expect(through.slice(2)).toEqual(['b', 'c']);
  turns.release('ws', 'c');
  await rest();
  expect(through.slice(4)).toEqual(['other']);
});

test('a turn that is taken twice is one, and who gives up leaves the line', async () => {
  const { turns, through, note, rest } = scene();
  await turns.take('ws', 'a', never);
  await turns.take('ws', 'a', never);
  const cancel = new AbortController();
  void note('b', turns.take('ws', 'b', cancel.signal));
  void note('c', turns.pass('ws', 'c', cancel.signal));
  cancel.abort('enough');
  await rest();
  expect(through.sort()).toEqual(['b: enough', 'c: enough']);
  turns.release('ws', 'a');
  turns.release('ws', 'a');
  await turns.pass('ws', 'd', never);
});
