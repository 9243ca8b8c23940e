import { describe, expect, it, vi } from 'vitest';
import { createByteTail, createGrowingBytes, createLineCutter, createTextTail } from './bounded.ts';

/** Bytes that are copied from place to place while `act` runs. */
const copiedBytes = (act: () => void): number => {
  let copied = 0;
  const { copy } = Buffer.prototype;
  const spy = vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...args) {
    const moved = copy.apply(this, args);
    copied += moved;
    return moved;
  });
  const concat = vi.spyOn(Buffer, 'concat').mockImplementation(() => {
    throw new RangeError('joins what is kept with every piece');
  });
  act();
  spy.mockRestore();
  concat.mockRestore();
  return copied;
};

const ONE = Buffer.from('x');
const SIZE = 300_000;

describe('bytes that come one by one', () => {
  it('are moved a constant number of times, in a growing place', () => {
    const bytes = createGrowingBytes();
    const copied = copiedBytes(() => {
      for (let count = 0; count < SIZE; count += 1) bytes.push(ONE);
    });
    expect(bytes.sizeBytes).toBe(SIZE);
    expect(copied / SIZE).toBeLessThan(3);
  });

  it('are moved a constant number of times, in a tail that is full', () => {
    const tail = createByteTail(10_000);
    const copied = copiedBytes(() => {
      for (let count = 0; count < SIZE; count += 1) tail.push(ONE);
    });
    expect(tail.bytes()).toHaveLength(10_000);
    expect(tail.isCut).toBe(true);
    expect(copied / SIZE).toBeLessThan(3);
  });

  it('are moved a constant number of times, in a line without end', () => {
    const lines = createLineCutter(1_000_000);
    const copied = copiedBytes(() => {
      for (let count = 0; count < SIZE; count += 1) lines.push(ONE);
    });
    expect(lines.push(Buffer.from('y\nz'))).toEqual([`${'x'.repeat(SIZE)}y`]);
    expect(lines.openBytes).toBe(1);
    expect(copied / SIZE).toBeLessThan(3);
  });
});

describe('growing bytes', () => {
  it('hold what was pushed and not dropped', () => {
    const bytes = createGrowingBytes();
    let expected = '';
    for (let step = 0; step < 2000; step += 1) {
      const piece = String(step).repeat(step % 7);
      bytes.push(Buffer.from(piece));
      expected += piece;
      const gone = step % 11;
      bytes.drop(gone);
      expected = expected.slice(gone);
    }
    expect(bytes.view().toString()).toBe(expected);
    bytes.drop(1e9);
    expect(bytes.sizeBytes).toBe(0);
  });
});

describe('a tail', () => {
  it('is the newest of what came, however it was cut', () => {
    const whole = createByteTail(5);
    whole.push(Buffer.from('abcdefgh'));
    expect(whole.bytes().toString()).toBe('defgh');
    const pieces = createByteTail(5);
    for (const piece of ['ab', '', 'cdef', 'gh']) pieces.push(Buffer.from(piece));
    expect(pieces.bytes().toString()).toBe('defgh');
    const fits = createByteTail(5);
    fits.push(Buffer.from('abcde'));
    expect(fits.isCut).toBe(false);
  });

  it('of a text is cut once for many pieces', () => {
    const tail = createTextTail(1000);
    const slice = vi.spyOn(String.prototype, 'slice');
    for (let count = 0; count < 100_000; count += 1) tail.push('x');
    expect(slice.mock.calls.length).toBeLessThan(200);
    slice.mockRestore();
    tail.push('end ');
    expect(tail.text()).toBe(`${'x'.repeat(996)}end`);
  });
});

describe('lines', () => {
  it('are cut where they end, and given up beyond the cap', () => {
    const lines = createLineCutter(5);
    expect(lines.push(Buffer.from('ab\ncd'))).toEqual(['ab']);
    expect(lines.push(Buffer.from('e\n\n'))).toEqual(['cde', '']);
    expect(lines.push(Buffer.from('toolong'))).toEqual([]);
    expect(lines.openBytes).toBe(7);
    expect(lines.push(Buffer.from('er\nok\n'))).toEqual(['ok']);
    const split = Buffer.from('é\n');
    expect(lines.push(split.subarray(0, 1))).toEqual([]);
    expect(lines.push(split.subarray(1))).toEqual(['é']);
  });
});
