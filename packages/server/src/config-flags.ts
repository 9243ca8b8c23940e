/** The flags of the server's program, which are those of `berth up`. */
import { parseArgs } from 'node:util';
import { numberOf } from './config/environment.ts';
import type { Plain } from './config/merge.ts';

const FLAGS = {
  home: 'home',
  host: 'host',
  port: 'port',
  driver: 'defaultDriver',
  agent: 'defaultAgent',
} as const;

const OPTIONS = Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: 'string' }] as const));

/** In the shape of the schema. Throws for a flag that there is not. */
export const fromArguments = (args: readonly string[]): Plain => {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const given = Object.entries(FLAGS).map(([name, setting]) => [setting, values[name]] as const);
  return Object.fromEntries(
    given.map(([setting, text]) => [setting, setting === 'port' ? numberOf(text as string) : text]),
  );
};

export const flagOf = (setting: PropertyKey | undefined): string | undefined => {
  const [name] = Object.entries(FLAGS).find(([, one]) => one === setting) ?? [];
  return name === undefined ? undefined : `--${name}`;
};
