import { expect, it } from 'vitest';
import { createSerial } from './serial.ts';

const BUSY_MS = 200;

it('lets everything else have its turn while somebody asks for one thing after another', async () => {
  const inTurn = createSerial();
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const end = performance.now() + BUSY_MS;
  while (performance.now() < end) await inTurn(async () => undefined);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
