/** The context of every command, and how one is built. */
import type { Client } from '@berth/sdk/node';
import { Command } from 'commander';
import { type Connection, clientAt, connectionOf } from './connection.ts';
import { explained } from './explain.ts';
import { createOutput, type Output } from './output.ts';
import type { CommandIo } from './screen.ts';

export interface Context {
  readonly world: CommandIo;
  readonly output: Output;
  readonly connection: Connection;
  readonly client: Client;
}

export interface Given {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** Returns the exit code when it is not 0. */
export type Act = (context: Context, given: Given) => Promise<number | undefined>;

/** Passes the exit code of an action to the program's caller. */
export type Done = (exitCode: number) => void;

export interface Frame {
  readonly world: CommandIo;
  readonly done: Done;
}

/** A command with the common options. */
export const leaf = (frame: Frame, name: string, summary: string, act: Act): Command =>
  new Command(name)
    .description(summary)
    .option('--json', 'print JSON, one value per line')
    .option('--address <address>', 'address of the server: http://… or unix:/… (BERTH_ADDRESS)')
    .option('--home <folder>', "the server's folder on this machine (BERTH_HOME)")
    .action(async (...received: unknown[]) => {
      // commander passes the positionals, the options and the command itself.
      const command = received.at(-1) as Command;
      const options = command.opts<Record<string, unknown>>();
      const context = contextOf(frame.world, options);
      try {
        frame.done((await act(context, { args: command.args, options })) ?? 0);
      } catch (error) {
        throw explained(error, command, context.connection);
      }
    });

const contextOf = (world: CommandIo, options: Record<string, unknown>): Context => {
  const connection = connectionOf(world, { address: text(options.address), home: text(options.home) });
  return {
    world,
    connection,
    output: createOutput(world, options.json === true),
    client: clientAt(connection),
  };
};

export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
