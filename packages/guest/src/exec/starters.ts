/**
 * Spare processes for commands. To fork one, the system copies the guest, which costs many times what exec costs. So
 * a few are forked ahead, while the guest is idle; each is used once.
 *
 * They leak nothing between commands: a spare process has its own four pipes, an empty environment and no memory but
 * its program's, and until it gets its command it runs as the guest's user, which commands cannot reach.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { STARTER_CONTROL } from './starter.ts';

export interface Starter {
  /** Without a pid when there is no process. A session leader; its standard streams are pipes. */
  readonly child: ChildProcess;
  readonly isSpare: boolean;
}

export interface Starters {
  /** A process for exclusive use; a `fresh` one was not spare before. Throws a system error. */
  take(fresh: boolean): Starter;
  /** Forks the first spare process. */
  prepare(): void;
  /** Ends the spare processes, and forks no more. */
  close(): void;
}

/** `starting`: processes started within get the OOM score of a command. */
export const createStarters = (program: string, starting: <T>(act: () => T) => T): Starters => {
  const spares = new Set<ChildProcess>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const make = (): ChildProcess => {
    const child = starting(() =>
      spawn(program, [], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }),
    );
    // The result shows on its pipes, or by there being no process.
    child.on('error', () => undefined);
    for (const pipe of child.stdio) pipe?.on('error', () => undefined);
    return child;
  };
  /** Deferred: forking blocks the guest. */
  const prepareAfter = (ms: number): void => {
    clearTimeout(timer);
    if (!closed && spares.size < GUEST_LIMITS.spareStarters) timer = setTimeout(prepare, ms).unref();
  };
  const prepare = (): void => {
    const child = tryTo(make);
    // When there is no room for one now, the next command tries again.
    if (child?.pid === undefined) return;
    spares.add(child);
    child.once('exit', () => spares.delete(child));
    prepareAfter(GUEST_LIMITS.spareAfterStartMs);
  };
  return {
    prepare,
    take: (fresh) => {
      const spare = fresh ? undefined : spares.values().next().value;
      const child = spare ?? make();
      spares.delete(child);
      prepareAfter(GUEST_LIMITS.spareAfterStartMs);
      child.once('close', () => prepareAfter(GUEST_LIMITS.spareAfterEndMs));
      return { child, isSpare: spare !== undefined };
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      for (const spare of spares) controlOf(spare)?.destroy();
    },
  };
};

const tryTo = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

/** Absent when there is no process. */
export const controlOf = (child: ChildProcess): Duplex | undefined =>
  child.stdio[STARTER_CONTROL] as Duplex | undefined; // Node makes every pipe bidirectional.
