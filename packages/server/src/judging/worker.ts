/** Runs in a worker thread: reads hostile text for `judge.ts`, one request at a time. */
import assert from 'node:assert/strict';
import { parentPort } from 'node:worker_threads';
import { directJudge, type ReadSide } from '@berth/core/judge';
import type { FromWorker, Request, ToWorker } from './messages.ts';

const port = parentPort;
assert(port !== null, 'this file is run as a worker thread');

const send = (message: FromWorker): void => port.postMessage(message);
const reads = new Map<number, (text: string | undefined) => void>();
let lastRead = 0;

const read: ReadSide = (side, repository, path) =>
  new Promise((resolve) => {
    lastRead += 1;
    reads.set(lastRead, resolve);
    send({ type: 'read', read: lastRead, side, repository, path });
  });

/** The main thread ends this one instead. */
const { signal } = new AbortController();

const resultOf = (request: Request): Promise<unknown> => {
  if (request.type === 'compare') return directJudge.compare(request.comparison, read, signal);
  if (request.type === 'tests') return directJudge.testsIn(request.output, signal);
  return directJudge.alter(request.file, signal);
};

const answer = async (message: Exclude<ToWorker, { type: 'text' }>): Promise<void> => {
  try {
    send({ type: 'done', result: await resultOf(message) });
  } catch (error) {
    send({ type: 'failed', error });
  }
};

port.on('message', (message: ToWorker) => {
  if (message.type !== 'text') return void answer(message);
  reads.get(message.read)?.(message.text);
  reads.delete(message.read);
});
