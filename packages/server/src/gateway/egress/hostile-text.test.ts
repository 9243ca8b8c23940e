import { PassThrough } from 'node:stream';
import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { createLog } from '../../telemetry/log.ts';
import { MAX_FIRST_BYTES, readFirstBytes } from './first-bytes.ts';
import { judgeRequests } from './plain-requests.ts';

const log = createLog('info', { write: () => undefined });

/** Near the most that is read before the end of a head. */
const maxCharacters = MAX_FIRST_BYTES - 100;

test.each<[string, (text: string) => unknown]>([
  [
    'the head of a request',
    (text) => {
      const judged = judgeRequests('a').on('error', () => undefined);
      judged.pipe(new PassThrough()).resume();
      judged.write(`GET / HTTP/1.1\r\nhost: a\r\nx: ${text}\r\n\r\n`, 'latin1');
    },
  ],
  [
    'the first bytes of a connection',
    (text) => readFirstBytes(Buffer.from(`GET / HTTP/1.1\r\nhost: ${text}\r\n\r\n`, 'latin1')),
  ],
  ['what is logged', (text) => log.info('odd', { detail: text })],
])('the time to read grows with the text: %s', (_, read) => {
  expect(slowText(read, { maxCharacters })).toBeUndefined();
});
