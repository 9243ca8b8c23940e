/** The program that runs in every sandbox. `GUEST_ENV` in the contract says how it is configured. */
import { close as closeDebugger } from 'node:inspector';
import { readConfig } from './config.ts';
import { messageOf } from './refusal.ts';
import { startGuest } from './start.ts';

const giveUp = (reason: string): void => {
  process.stderr.write(`berth guest: ${reason}\n`);
  process.exit(2);
};

// An environment that is meant for commands may ask for one, and commands could have it say what it should not.
closeDebugger();
// A terminal that closes or a server that ends must not take the sandbox along.
process.on('SIGHUP', () => undefined);
// biome-ignore lint/style/noProcessEnv: the entry of a program of its own; nothing else in the guest reads it.
const config = readConfig(process.env);
if (typeof config === 'string') giveUp(config);
else startGuest(config).catch((error: unknown) => giveUp(messageOf(error)));
