/**
 * The scripted model as a program: `node program.ts [--port N | --socket PATH] [--scripts FILE.json] [--require-key
 * KEY]`. Prints one line of JSON with its address and serves until it is signalled to stop.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Scripts } from './script.ts';
import { startScriptedModel } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    socket: { type: 'string' },
    scripts: { type: 'string' },
    'require-key': { type: 'string' },
  },
});

const model = await startScriptedModel({
  port: values.port === undefined ? undefined : Number(values.port),
  socketPath: values.socket,
  requireKey: values['require-key'],
  scripts:
    values.scripts === undefined
      ? undefined
      : Scripts.parse(JSON.parse(readFileSync(values.scripts, 'utf8'))),
});

process.stdout.write(`${JSON.stringify({ listening: model.url })}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void model.close());
