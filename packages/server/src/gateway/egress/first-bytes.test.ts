import fc from 'fast-check';
import { expect, test } from 'vitest';
import { helloOf } from '../../../test/egress/world.ts';
import { MAX_FIRST_BYTES, readFirstBytes } from './first-bytes.ts';

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

test('a name with a zero byte or another spelling is not taken for none', async () => {
  const hello = await helloOf('aaaa.example.com');
  const at = hello.indexOf('aaaa.example.com');
  for (const odd of ['evil\0example.com!', 'aaaa.example.co.', 'a/aa.example.com']) {
    const changed = Buffer.from(hello);
    changed.write(odd.slice(0, 16), at, 'latin1');
    expect(readFirstBytes(changed)).toMatchObject({
      kind: 'unclear',
      reason: expect.stringMatching(/non-canonical way/),
    });
  }
});

test('a second hello, encrypted in the first one, is not taken for what the first one says', async () => {
  const hello = await helloOf('open.example.com', [[0xfe0d, Buffer.alloc(40)]]);
  expect(readFirstBytes(hello)).toMatchObject({
    kind: 'unclear',
    reason: expect.stringMatching(/hides its host/),
  });
});

test('early data after a hello is not part of it', async () => {
  const hello = await helloOf('www.example.com');
  const early = Buffer.concat([hello, Buffer.from([20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 9, 9])]);
  expect(readFirstBytes(early)).toEqual({ kind: 'tls', host: 'www.example.com' });
});

test('nothing that a client can send makes it throw or wait for ever', async () => {
  const hello = await helloOf('example.com');
  const anywhere = fc.nat(hello.length - 1);
  fc.assert(
    fc.property(anywhere, fc.nat(255), (at, value) => {
      const changed = Buffer.from(hello);
      changed[at] = value;
      expect(['more', 'tls', 'http', 'unclear', 'other']).toContain(readFirstBytes(changed).kind);
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
