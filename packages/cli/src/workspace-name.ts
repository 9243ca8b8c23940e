import { fail, isBerthError, Repository, type Workspace, WorkspaceId } from '@berth/contract';
import type { Client } from '@berth/sdk/node';
import { z } from 'zod';
import type { Context } from './command.ts';
import type { Row } from './output.ts';

/** The id of a workspace given by id or by name. */
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

const Repositories = z.array(Repository.pick({ name: true, source: true, branch: true }));

/** A short summary of each repository. */
export const formatWorkspace = (workspace: Row): Row => {
  const { data } = Repositories.safeParse(workspace.repositories);
  if (data === undefined) return workspace;
  const repositories = data.map(({ name, source, branch }) => `${name} (${branch} of ${source})`).join(', ');
  return { ...workspace, repositories };
};

/** With the name of its workspace. */
export const formatTask = async (task: Row, { client }: Context): Promise<Row> => {
  const { data: id } = WorkspaceId.safeParse(task.workspaceId);
  if (id === undefined) return task;
  try {
    return { ...task, workspaceId: (await client.workspaces.get({ id })).name };
  } catch (error) {
    // Removed meanwhile.
    if (isBerthError(error) && error.code === 'record.missing') return task;
    throw error;
  }
};
