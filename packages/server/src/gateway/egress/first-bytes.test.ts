import { once } from 'node:events';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_FIRST_BYTES, readFirstBytes } from './first-bytes.ts';

/** The ClientHello that Node itself sends. */
const helloOf = async (servername: string): Promise<Buffer> => {
  const sent = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.resolve(chunk);
      done();
    },
  });
  const client = tls.connect({ socket: wire, servername, rejectUnauthorized: false });
  client.on('error', () => client.destroy());
  const hello = await sent.promise;
  const gone = once(client, 'close');
  client.destroy();
  await gone;
  return hello;
};

test('a hello is read when it is whole, however it arrives, also over several records', async () => {
  const hello = await helloOf('www.Example.com');
  for (let length = 0; length < hello.length; length += 1) {
    expect(readFirstBytes(hello.subarray(0, length))).toEqual({ kind: 'more' });
  }
  const whole = { kind: 'tls', host: 'www.example.com' };
  expect(readFirstBytes(hello)).toEqual(whole);
  const message = hello.subarray(5);
  const record = (part: Buffer) => Buffer.from([22, 3, 1, part.length >> 8, part.length & 255, ...part]);
  const split = Buffer.concat([record(message.subarray(0, 3)), record(message.subarray(3))]);
  expect(readFirstBytes(split)).toEqual(whole);
});

test('a name with a zero byte or another spelling is no name', async () => {
  const hello = await helloOf('aaaa.example.com');
  const at = hello.indexOf('aaaa.example.com');
  for (const odd of ['evil\0example.com!', 'aaaa.example.co.', 'a/aa.example.com']) {
    const changed = Buffer.from(hello);
    changed.write(odd.slice(0, 16), at, 'latin1');
    expect(readFirstBytes(changed)).toEqual({ kind: 'tls', host: undefined });
  }
});

test('nothing that a client can send makes it throw or wait for ever', async () => {
  const hello = await helloOf('example.com');
  const anywhere = fc.nat(hello.length - 1);
  fc.assert(
    fc.property(anywhere, fc.nat(255), (at, value) => {
      const changed = Buffer.from(hello);
      changed[at] = value;
      expect(['more', 'tls', 'http', 'other']).toContain(readFirstBytes(changed).kind);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const kinds = [bytes, [22, 3, 1, ...bytes]].map((sent) => readFirstBytes(Buffer.from(sent)).kind);
      expect(kinds).toHaveLength(2);
    }),
  );
  expect(readFirstBytes(Buffer.alloc(MAX_FIRST_BYTES, 'A')).kind).toBe('other');
  expect(
    readFirstBytes(Buffer.concat([Buffer.from('GET / HTTP/1.1\r\n'), Buffer.alloc(MAX_FIRST_BYTES, 'A')]))
      .kind,
  ).toBe('other');
});
