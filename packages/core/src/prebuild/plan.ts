/** What a set-up will run: the workspace's declared commands, or those that its repositories show. */
import type { Workspace } from '@berth/contract';
import type { SetupPlan } from '../setup-plan.ts';
import { detectSetup } from './detect.ts';

/** By repository: path → id of the content, as the hub shows a commit. */
export type FilesByRepository = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Nothing when there is nothing to run; a declared empty list wins over what is there. Package registries are open to
 * a set-up unless the workspace says otherwise.
 */
export const planSetup = (
  { setup }: Pick<Workspace, 'setup'>,
  files: FilesByRepository,
  { setupTimeoutMs }: { readonly setupTimeoutMs: number },
): SetupPlan | undefined => {
  const commands =
    setup === undefined
      ? Object.entries(files).flatMap(([name, paths]) => detectSetup(name, new Set(Object.keys(paths))))
      : setup.commands.map((command) => (typeof command === 'string' ? { run: command } : command));
  if (commands.length === 0) return undefined;
  const { egress = { preset: 'packages' }, timeoutMs = setupTimeoutMs, keep } = setup ?? {};
  return { commands, egress, timeoutMs, ...(keep === undefined ? {} : { keep }) };
};
