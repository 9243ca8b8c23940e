import { fail, type Workspace } from '@berth/contract';
import type { Store } from '../kernel/index.ts';

/** Rejects with `record.missing`. */
export const workspaceOf = async ({ store }: { readonly store: Store }, id: string): Promise<Workspace> => {
  const workspace = await store.read((tx) => tx.table('workspaces').get(id));
  if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id });
  return workspace;
};
