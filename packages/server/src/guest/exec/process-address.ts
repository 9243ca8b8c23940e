/** Where a command is: its sandbox's guest, and its address there. */
import { GUEST_PATHS } from '@berth/contract/guest';
import { z } from 'zod';
import type { Link } from '../channel/link.ts';

export interface ProcessAddress {
  readonly id: string;
  readonly link: Link;
  /** Absent where the driver has no control groups for commands. */
  readonly groups?: Containment | undefined;
}

/** The driver's control groups for the commands of one sandbox, each identified by the command's id. */
export interface Containment {
  /** Rejects unless it is a process of this sandbox that belongs to no other command. */
  enter(execId: string, insidePid: number): Promise<void>;
  /** Kills everything in it. Succeeds when there is none. */
  end(execId: string): Promise<void>;
}

export const pathOf = (execId: string): string => `${GUEST_PATHS.exec}${encodeURIComponent(execId)}`;

/** Makes an idempotent request. */
export const ask = async (
  { link }: ProcessAddress,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<void> => {
  await link.repeat((control) => control.json({ method: 'POST', path, query }, z.object({})));
};

export const isMissing = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'exec.missing';
