import { client } from '@agentclientprotocol/sdk';
import type { ExecChunk, Process } from '@berth/plugin-api';
import { describe, expect, it } from 'vitest';
import { createTransport } from './transport.ts';

/** What an agent wrote in a turn that was run before, questions of its own included. */
const RECORDED = [
  'a banner\n',
  { id: 0, result: { protocolVersion: 1 } },
  { method: 'session/update', params: { n: 1 } },
  { id: 1, result: { sessionId: 's' } },
  { id: 'a', method: 'fs/read_text_file', params: {} },
  {
    id: 'b',
    method: 'session/request_permission',
    params: { sessionId: 's', toolCall: { toolCallId: 't' }, options: [] },
  },
  { id: 'c', method: 'terminal/create', params: {} },
  { id: 77, result: 'to nothing that was asked' },
  { method: 'session/update', params: { n: 2 } },
  { id: 2, result: { stopReason: 'end_turn' } },
]
  .map((line) => (typeof line === 'string' ? line : `${JSON.stringify({ jsonrpc: '2.0', ...line })}\n`))
  .join('');

/** Plays the recording in pieces of a size to a fresh client; returns what it wrote and what it was told. */
const replay = async (pieceBytes: number, writeDelayed: boolean) => {
  const bytes = Buffer.from(RECORDED);
  const received: Buffer[] = [];
  const told: string[] = [];
  const process: Process = {
    id: 'ex_1',
    async *output(): AsyncIterable<ExecChunk> {
      for (let at = 0; at < bytes.length; at += pieceBytes)
        yield { kind: 'output', stream: 'stdout', cursor: at, bytes: bytes.subarray(at, at + pieceBytes) };
      yield { kind: 'exit', exit: { exitCode: 0, timedOut: false, outOfMemory: false, durationMs: 1 } };
    },
    async write(offset, more) {
      if (writeDelayed) await new Promise((resolve) => setImmediate(resolve));
      expect(offset).toBe(Buffer.concat(received).length);
      received.push(Buffer.from(more));
    },
    closeInput: async () => undefined,
    signal: async () => undefined,
  };
  const transport = createTransport(process, {
    heard: () => undefined,
    notified: (method, params) => told.push(`${method} ${JSON.stringify(params)}`),
    unsent: (error) => told.push(`unsent: ${error}`),
    missed: () => told.push('missed'),
  });
  const { agent } = client({ name: 'test' })
    .onRequest('session/request_permission', async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { outcome: { outcome: 'cancelled' as const } };
    })
    .connect(transport.stream);
  // What comes after an answer may be some promises away.
  const think = async () => {
    for (let hop = 0; hop < 50; hop += 1) await Promise.resolve();
  };
  const talk = async () => {
    await agent.request('initialize', { protocolVersion: 1, clientCapabilities: {} });
    await think();
    const { sessionId } = await agent.request('session/new', { cwd: '/', mcpServers: [] });
    await think();
    const end = await agent.request('session/prompt', { sessionId, prompt: [] });
    told.push(end.stopReason);
  };
  const talked = talk();
  await transport.pump(new AbortController().signal);
  await talked;
  await expect.poll(() => Buffer.concat(received).toString().split('\n')).toHaveLength(7);
  return { written: Buffer.concat(received).toString(), told, noise: transport.noise() };
};

describe('the transport', () => {
  it.each([1, 7, 64, 100_000])(
    'writes the same bytes however the output is cut: %i bytes at a time',
    async (size) => {
      const reference = await replay(100_000, false);
      expect(await replay(size, true)).toEqual(reference);
      const ids = reference.written
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id);
      expect(ids).toEqual([0, 1, 2, 'a', 'b', 'c']);
      expect(reference.told).toEqual(['session/update {"n":1}', 'session/update {"n":2}', 'end_turn']);
      expect(reference.noise).toBe('a banner');
    },
  );
});
