/** A world whose output is kept and whose Ctrl-C is pressed by the test. */

import { runCommandLine } from '../src/program.ts';
import type { CommandIo, Interrupt } from '../src/screen.ts';

export interface ScriptedWorld extends CommandIo {
  readonly out: () => string;
  readonly err: () => string;
  /** Ctrl-C when no other signal is named. */
  readonly interrupt: (signal?: Interrupt) => void;
}

export const createWorld = (
  env: Record<string, string> = {},
  cwd = '/',
  limits?: CommandIo['limits'],
): ScriptedWorld => {
  const [out, err]: [string[], string[]] = [[], []];
  const acts = new Set<(signal: Interrupt) => void>();
  const writer = (parts: string[]) => ({
    write: (text: string | Uint8Array) =>
      parts.push(typeof text === 'string' ? text : Buffer.from(text).toString()),
  });
  return {
    env: { HOME: '/nowhere', PATH: process.env.PATH, ...env },
    cwd,
    limits,
    isRoot: false,
    input: async () => '',
    stdout: writer(out),
    stderr: writer(err),
    isTerminal: false,
    onInterrupt: (act) => {
      acts.add(act);
      return () => acts.delete(act);
    },
    out: () => out.join(''),
    err: () => err.join(''),
    interrupt: (signal = 'SIGINT') => {
      for (const act of acts) act(signal);
    },
  };
};

/** One command line against a server. */
export const berth = async (address: string, args: readonly string[], cwd?: string) => {
  const world = createWorld({ BERTH_ADDRESS: address }, cwd);
  const exitCode = await runCommandLine(args, world);
  return { exitCode, out: world.out(), err: world.err() };
};
