import { fail, type Workspace, WorkspaceId } from '@berth/contract';
import type { Client } from '@berth/sdk/node';

/** The id of a workspace that is given by id or by name. */
export const workspaceIdOf = async (client: Client, named: string): Promise<string> => {
  if (WorkspaceId.safeParse(named).success) return named;
  for await (const workspace of allWorkspaces(client)) if (workspace.name === named) return workspace.id;
  throw fail('record.missing', { noun: 'workspace', id: named });
};

export async function* allWorkspaces(client: Client): AsyncGenerator<Workspace, void, undefined> {
  let after: string | undefined;
  do {
    const page = await client.workspaces.list({ limit: 200, after });
    yield* page.rows;
    after = page.next;
  } while (after !== undefined);
}
