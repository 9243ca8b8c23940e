/** No sandbox at all: Node starts `/bin/true` itself. Nothing written in Node can be faster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Contender } from './contest.ts';

const exec = async (): Promise<void> => {
  await once(spawn('/bin/true', { stdio: 'ignore' }), 'exit');
};

export const plainChild: Contender = {
  name: 'a child process of Node, no sandbox',
  exec,
  start: async () => '',
  remove: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};
