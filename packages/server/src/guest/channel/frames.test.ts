import { encodeFrameHeader, FRAME, GUEST_LIMITS } from '@berth/contract/guest';
import { expect, it, vi } from 'vitest';
import { readFrames } from './frames.ts';

const START = { stdout: 0, stderr: 0 };

const frame = (kind: number, payload: Buffer | string, cursor = 0): Buffer => {
  const bytes = Buffer.from(payload);
  return Buffer.concat([encodeFrameHeader({ kind, lengthBytes: bytes.length, cursor }), bytes]);
};

async function* piecesOf(bytes: Buffer, sizeBytes: number) {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}

it('takes a frame that comes byte by byte without joining what is there with every byte', async () => {
  const payload = Buffer.alloc(GUEST_LIMITS.framePayloadBytes, 'x');
  const bytes = Buffer.concat([frame(FRAME.stdout, payload), frame(FRAME.stdout, 'y', payload.length)]);
  const concat = vi.spyOn(Buffer, 'concat');
  const frames = await Array.fromAsync(readFrames('sb_x', piecesOf(bytes, 1), START));
  expect(concat).not.toHaveBeenCalled();
  concat.mockRestore();
  expect(frames).toEqual([
    { kind: 'output', stream: 'stdout', cursor: 0, bytes: payload },
    { kind: 'output', stream: 'stdout', cursor: payload.length, bytes: Buffer.from('y') },
  ]);
});

it('lets the others of the process have a turn between frames of one byte', async () => {
  const count = 50_000;
  const bytes = Buffer.concat(Array.from({ length: count }, (_, at) => frame(FRAME.stderr, 'x', at)));
  let turns = 0;
  let isReading = true;
  const others = (): void => {
    turns += 1;
    if (isReading) setImmediate(others);
  };
  setImmediate(others);
  let seen = 0;
  for await (const one of readFrames('sb_x', piecesOf(bytes, bytes.length), START))
    seen += one.kind === 'output' ? one.bytes.length : 0;
  isReading = false;
  expect(seen).toBe(count);
  expect(turns).toBeGreaterThan(count / 1000);
});
