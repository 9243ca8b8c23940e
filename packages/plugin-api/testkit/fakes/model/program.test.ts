import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('serves the scripts of a file until it is told to stop', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-model-'));
  const file = join(folder, 'scripts.json');
  writeFileSync(file, JSON.stringify({ default: { answers: [{ text: 'from the file' }] } }));
  const program = join(import.meta.dirname, 'program.ts');
  const child = spawn(process.execPath, [program, '--scripts', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(child.stdout, 'data');
    const { listening } = JSON.parse(String(line));
    const response = await fetch(`${listening}/v1/responses`, {
      method: 'POST',
      body: JSON.stringify({ input: 'go', tools: [{ type: 'function', name: 'bash' }] }),
    });
    expect(await response.text()).toContain('from the file');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
