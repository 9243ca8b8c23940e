import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { meterEvents, meterWhole } from './metered-stream.ts';
import { createUsageCounter } from './usage.ts';

async function* piecesOf(bytes: Buffer, sizeBytes: number) {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}
const never = () => false;
const passedThrough = (bytes: Buffer, sizeBytes: number, meter: ReturnType<typeof meterWhole>) =>
  buffer(Readable.from(piecesOf(bytes, sizeBytes), { objectMode: false }).pipe(meter));

const usage = { prompt_tokens: 7, completion_tokens: 3 };
const counted = { model: 'm', usage: { inputTokens: 7, cachedInputTokens: 0, outputTokens: 3 } };

describe('a whole answer', () => {
  const large = JSON.stringify({
    id: 'x',
    choices: [{ message: { content: 'with "quotes" \\ and {"usage":{"prompt_tokens":1}}'.repeat(2000) } }],
    model: 'm',
    nested: { usage: { prompt_tokens: 99 }, model: 'n' },
    usage,
  });

  it.each([1, 7, 65_536])('is counted without being kept, in pieces of %d bytes', async (sizeBytes) => {
    const counter = createUsageCounter('openai');
    const meter = meterWhole(counter);

    const concat = vi.spyOn(Buffer, 'concat');
    const passed = await passedThrough(Buffer.from(large), sizeBytes, meter);
    expect(concat.mock.calls.filter(([parts]) => parts.length > 1).length).toBeLessThanOrEqual(1);
    concat.mockRestore();
    expect(passed.toString()).toBe(large);
    expect(counter.counted()).toEqual(counted);
  });

  it('in a list is counted by its last part', async () => {
    const counter = createUsageCounter('gemini');
    const parts = [1, 2].map((count) => ({ usageMetadata: { promptTokenCount: count }, modelVersion: 'g' }));
    await passedThrough(Buffer.from(JSON.stringify(parts, null, 2)), 3, meterWhole(counter));
    expect(counter.counted()).toMatchObject({ model: 'g', usage: { inputTokens: 2 } });
  });

  it.each([
    '',
    'null',
    '{"usage":',
    '{"usage":{"prompt_tokens":"x"}}',
    `{"usage":${'['.repeat(1e5)}`,
    '}}}]]]{"usage":1',
  ])('that is none counts nothing', async (text) => {
    const counter = createUsageCounter('openai');
    await passedThrough(Buffer.from(text), 10, meterWhole(counter));
    expect(counter.counted().usage).toEqual({ inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 });
  });
});

describe('a stream of events', () => {
  const events = `data: ${JSON.stringify({ model: 'm', text: 'x'.repeat(50_000) })}\r\n\r\ndata: ${JSON.stringify({ usage })}\n\ndata: [DONE]\n\n`;

  it.each([1, 2, 3, 1000])('is the same in pieces of %d bytes, each looked at once', async (sizeBytes) => {
    const counter = createUsageCounter('openai');
    let lookedBytes = 0;
    const { indexOf } = Buffer.prototype;
    const looks = vi.spyOn(Buffer.prototype, 'indexOf').mockImplementation(function (this: Buffer, ...args) {
      const found = indexOf.apply(this, args as never);
      lookedBytes += (found < 0 ? this.length : found) - Number(args[1] ?? 0) + 1;
      return found;
    });
    const passed = await passedThrough(Buffer.from(events), sizeBytes, meterEvents(counter, never));
    looks.mockRestore();
    expect(passed.toString()).toBe(events);
    expect(counter.counted()).toEqual(counted);
    expect(lookedBytes / events.length).toBeLessThan(5);
  });
});
