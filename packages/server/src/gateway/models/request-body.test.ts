/** Many large requests at once, sent to the relay by several sandboxes, with a provider that takes nothing. */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createModelRelay, type RelayRequest, type RelayResponse } from './relay.ts';
import { createBodyRoom, MAX_BODY_BYTES } from './request-body.ts';

const CHUNK = Buffer.alloc(65_536, 'x');
const HEAD = Buffer.from('{"model":"');
const TAIL = Buffer.from('"}');
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A request whose body is made while it is read, and how much was read of it. */
const largeRequest = (token: string, headers: Record<string, string> = {}, sizeBytes = MAX_BODY_BYTES) => {
  let read = 0;
  const stream = new Readable({
    read() {
      const left = sizeBytes - read;
      if (left <= 0) return void this.push(null);
      const filling = CHUNK.subarray(0, Math.min(left - TAIL.length, CHUNK.length));
      const chunk = read === 0 ? HEAD : left <= TAIL.length ? TAIL : filling;
      read += chunk.length;
      this.push(chunk);
    },
  });
  const request: RelayRequest = Object.assign(stream, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  return { request, read: () => read };
};

const answerOf = () => {
  let status = 0;
  let sent: OutgoingHttpHeaders = {};
  const response: RelayResponse = Object.assign(
    new Writable({ write: (_chunk, _encoding, done) => done() }),
    {
      headersSent: false,
      writeHead: (code: number, headers: OutgoingHttpHeaders) => {
        status = code;
        sent = headers;
      },
    },
  );
  return { response, status: () => status, headers: () => sent };
};

const relayTo = async (take: (request: IncomingMessage) => void) => {
  const provider = createServer((request, response) => {
    take(request);
    request.once('end', () => response.end('{}'));
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    provider.closeAllConnections();
    provider.close();
  });
  const baseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  return createModelRelay({
    providers: { openai: { wire: 'openai', baseUrl, key: undefined } },
    authorise: async (token) => ({ attemptId: token, taskId: 'tk_1' }),
    judgeLinks: async () => undefined,
    ledger: async () => undefined,
    clock: { now: () => Date.now() },
    log: () => undefined,
  });
};

const AT = { path: 'openai/v1/chat/completions', sandboxId: 'sb_1' };

describe('large model requests', () => {
  it('of one sandbox wait on its side, and those of another are served meanwhile', async () => {
    const stuck: IncomingMessage[] = [];
    const relay = await relayTo((request) => void stuck.push(request.pause()));
    const greedy = Array.from({ length: 60 }, () => largeRequest('at_greedy'));
    const answers = greedy.map(({ request }) => {
      const answer = answerOf();
      return { answer, done: relay.handle(request, answer.response, AT) };
    });
    await vi.waitUntil(() => stuck.length === 1, 20_000);
    const modest = largeRequest('at_modest', { 'content-length': '100000' }, 100_000);
    const reply = answerOf();
    const done = relay.handle(modest.request, reply.response, AT);
    await vi.waitUntil(() => stuck.length === 2, 20_000);
    stuck[1]?.resume();
    await done;
    expect(reply.status()).toBe(200);
    const read = greedy.reduce((sum, one) => sum + one.read(), 0);
    // What lies in the buffer of each stream that is not read is all that is there beside the one that is.
    expect(read).toBeLessThanOrEqual(MAX_BODY_BYTES + greedy.length * 2 * CHUNK.length);
    for (const { answer } of answers) answer.response.destroy();
    await Promise.all(answers.map((one) => one.done));
  }, 30_000);

  it('are told to come back when too many of them wait, small ones too', async () => {
    let open = 0;
    let most = 0;
    const relay = await relayTo((request) => {
      most = Math.max(most, ++open);
      request.once('close', () => --open);
      request.pause();
    });
    const waiting = Array.from({ length: 70 }, () => {
      const answer = answerOf();
      void relay.handle(largeRequest('at_greedy', {}, 100).request, answer.response, AT);
      return answer;
    });
    const busy = () => waiting.filter(({ status }) => status() === 429);
    await vi.waitUntil(() => busy().length > 0 && open === 16, 20_000);
    expect(busy()[0]?.headers()).toMatchObject({ 'retry-after': '5' });
    expect(busy()).toHaveLength(70 - 16 - 48);
    const reply = answerOf();
    void relay.handle(largeRequest('at_modest', {}, 100).request, reply.response, AT);
    await vi.waitUntil(() => open === 17, 20_000);
    expect(most).toBe(17);
    reply.response.destroy();
    for (const { response } of waiting) response.destroy();
  }, 30_000);

  it('say their size, or are taken for the largest', async () => {
    const relay = await relayTo((request) => void request.resume());
    const long = answerOf();
    const size = { 'content-length': String(MAX_BODY_BYTES + 1) };
    const refused = largeRequest('at_1', size);
    await relay.handle(refused.request, long.response, AT);
    expect([long.status(), refused.read()]).toEqual([400, 0]);
    const lying = answerOf();
    await relay.handle(largeRequest('at_1', { 'content-length': '10' }).request, lying.response, AT);
    expect(lying.status()).toBe(400);
  });

  it('leave room for several sandboxes at once', async () => {
    const room = createBodyRoom();
    const held = await Promise.all(
      Array.from({ length: 6 }, (_, index) => room.take(`at_${index}`, MAX_BODY_BYTES)),
    );
    expect(room.inUse).toBe(6 * MAX_BODY_BYTES);
    for (const release of held) release();
    expect(room.inUse).toBe(0);
  });
});
