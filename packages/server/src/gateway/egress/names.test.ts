/** Lookups against a server of names on the loopback that answers for some names and stays silent for others. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLookup, type NameSources, shareLookups } from './names.ts';

const PER_SANDBOX = 8;
const stack = new AsyncDisposableStack();
const asked: string[] = [];
let sources: NameSources;

/** Labels with their lengths, from the question on. */
const nameIn = (query: Buffer): string => {
  const labels: string[] = [];
  for (let at = 12; query[at] !== 0; at += 1 + (query[at] ?? 0))
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
  return labels.join('.');
};

/** One address of the kind that was asked for. */
const answerTo = (query: Buffer, name: string): Buffer => {
  const question = query.subarray(12, 12 + name.length + 2 + 4);
  const isFour = question.readUInt16BE(question.length - 4) === 1;
  const address = isFour
    ? Buffer.from([192, 0, 2, 7])
    : Buffer.from('20010db8000000000000000000000007', 'hex');
  const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  const record = [0xc0, 12, 0, isFour ? 1 : 28, 0, 1, 0, 0, 0, 60, 0, address.length];
  return Buffer.concat([header, question, Buffer.from(record), address]);
};

const openNames = async (): Promise<Socket> => {
  const server = createSocket('udp4', (query, from) => {
    const name = nameIn(query);
    asked.push(name);
    if (!name.endsWith('silent.test')) server.send(answerTo(query, name), from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

beforeAll(async () => {
  const server = stack.adopt(await openNames(), (socket) => void socket.close());
  const folder = await mkdtemp(join(tmpdir(), 'berth-names-'));
  stack.defer(() => rm(folder, { recursive: true }));
  sources = {
    hostsFile: join(folder, 'hosts'),
    resolverFile: join(folder, 'resolv.conf'),
    servers: [`127.0.0.1:${server.address().port}`],
  };
  await writeFile(sources.hostsFile, '# ours\n::1 written.test\n127.0.0.9 other WRITTEN.test # and more\n');
  await writeFile(sources.resolverFile, 'search corp.test\n');
});
afterAll(() => stack.disposeAsync());

it('a name is what the file of hosts says, else what its servers say, else that of a domain to search', async () => {
  const lookup = createLookup(sources);
  const { signal } = new AbortController();
  expect(await lookup('written.test', signal)).toEqual(['127.0.0.9', '::1']);
  expect(await lookup('some.test', signal)).toEqual(['192.0.2.7', '2001:db8::7']);
  expect(await lookup('short', signal)).toHaveLength(2);
  expect([...new Set(asked)]).toEqual(['some.test', 'short.corp.test']);
});

it('one sandbox that asks for names which nobody answers waits for itself alone, and until its time is up', async () => {
  const lookUp = shareLookups(createLookup(sources), PER_SANDBOX);
  const patience = new AbortController();
  asked.length = 0;
  const slow = Array.from({ length: 100 }, (_, index) =>
    lookUp('sb_slow', `${index}.silent.test`, patience.signal).catch(() => 'given up'),
  );
  await expect.poll(() => new Set(asked).size).toBe(PER_SANDBOX);
  const { signal } = new AbortController();
  expect(await lookUp('sb_other', 'some.test', signal)).toHaveLength(2);
  expect(new Set(asked).size).toBe(PER_SANDBOX + 1);
  patience.abort();
  expect(new Set(await Promise.all(slow))).toEqual(new Set(['given up']));
  // Those that waited have not asked, and its places are free again.
  expect(await lookUp('sb_slow', 'another.test', signal)).toHaveLength(2);
  expect(new Set(asked).size).toBe(PER_SANDBOX + 2);
});
