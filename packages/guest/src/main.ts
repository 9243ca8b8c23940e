/** The program that runs in every sandbox. `GUEST_ENV` in the contract says how it is configured. */
import { readConfig } from './config.ts';
import { messageOf } from './refusal.ts';
import { startGuest } from './start.ts';

const giveUp = (reason: string): void => {
  process.stderr.write(`berth guest: ${reason}\n`);
  process.exit(2);
};

// biome-ignore lint/style/noProcessEnv: the entry of a program of its own; nothing else in the guest reads it.
const env = process.env;
// An environment may ask for a debugger, and commands could have it say what it should not. No other one asks: what
// closes it takes a twentieth of the start to load.
if (env.NODE_OPTIONS !== undefined) process.getBuiltinModule('node:inspector').close();
// A closing terminal or an exiting server must not end the sandbox.
process.on('SIGHUP', () => undefined);
const config = readConfig(env);
if (typeof config === 'string') giveUp(config);
else startGuest(config).catch((error: unknown) => giveUp(messageOf(error)));
