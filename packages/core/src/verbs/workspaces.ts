/** Workspaces: importing repositories, and removing them once nothing needs them any more. */
import {
  fail,
  type Repository,
  UNENDED_TASK_STATES,
  type Workspace,
  type WorkspaceCreate,
} from '@berth/contract';
import type { Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { NOT_DESTROYED } from '../sandbox/index.ts';
import { gateIssues } from '../workspace/index.ts';

export interface Workspaces {
  /**
   * Ends if the caller's signal aborts. Safe to repeat with an id chosen by the caller (of the right kind):
   * an existing workspace with that id is returned. Rejects with `repository.*`, `branch.missing`,
   * `record.exists` or `driver.unknown`, in which case nothing is left behind.
   */
  create(request: WorkspaceCreate, id?: string, signal?: AbortSignal): Promise<Workspace>;
  /** Rejects with `record.missing`, `workspace.in_use`. */
  remove(id: string): Promise<void>;
}

export const createWorkspaces = (ports: Ports): Workspaces => ({
  async create(request, id = ports.ids.new('workspace'), signal = undefined) {
    const made = await ports.store.read((tx) => tx.table('workspaces').get(id));
    if (made !== undefined) return made;
    const { driver } = request;
    const { names } = ports.machines;
    if (driver !== undefined && !names.includes(driver))
      throw fail('driver.unknown', { driver, known: [...names] });
    // Checked before anything is imported, and again once the repositories have their names.
    const issues = gateIssues(request.gate?.commands ?? [], request.repositories[0]?.name ?? '');
    if (issues.length > 0) throw fail('request.invalid', { issues });
    try {
      const repositories: Repository[] = [];
      for (const spec of request.repositories)
        repositories.push(await ports.hub.importRepository(id, spec, signal));
      checkNames(request, repositories);
      const workspace = await ports.store.write((tx) => insert(tx, { ...request, id, repositories }));
      await recorded(ports, id);
      return workspace;
    } catch (error) {
      await ports.hub.removeWorkspace(id);
      throw error;
    }
  },
  async remove(id) {
    await ports.store.write(async (tx) => {
      const workspace = await tx.table('workspaces').get(id);
      if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id });
      const { sandboxes, tasks } = await usersOf(tx, id);
      if (sandboxes + tasks > 0) throw fail('workspace.in_use', { id, sandboxes, tasks });
      await tx.table('workspaces').remove(id);
      await tx.emit({ type: 'workspace.removed', subject: id, data: { name: workspace.name } });
    });
    await ports.hub.removeWorkspace(id);
  },
});

/**
 * Only a hint for the next start, which reads the record as well, so a failure must not remove the copies.
 */
const recorded = ({ hub, log }: Ports, id: string): Promise<void> =>
  hub.recorded(id).catch((error: unknown) => log.warn('workspace.not_noted', { workspace: id, error }));

const checkNames = (request: WorkspaceCreate, repositories: readonly Repository[]): void => {
  const names = repositories.map(({ name }) => name);
  const doubled = names.findIndex((name, at) => names.indexOf(name) !== at);
  const known = `is none of ${names.join(', ')}`;
  const unknownIn = (part: 'gate' | 'setup') =>
    (request[part]?.commands ?? []).flatMap((command, index) => {
      const repository = typeof command === 'string' ? undefined : command.repository;
      if (repository === undefined || names.includes(repository)) return [];
      return [{ path: `body.${part}.commands[${index}].repository`, message: known }];
    });
  const issues = [
    ...(doubled < 0
      ? []
      : [
          {
            path: `body.repositories[${doubled}].name`,
            message: 'is taken by another repository of the workspace',
          },
        ]),
    ...unknownIn('gate'),
    ...unknownIn('setup'),
    ...gateIssues(request.gate?.commands ?? [], names[0] ?? ''),
  ];
  if (issues.length > 0) throw fail('request.invalid', { issues });
};

const insert = async (
  tx: Tx,
  {
    name: asked,
    ...settings
  }: WorkspaceCreate & { readonly id: string; readonly repositories: Repository[] },
): Promise<Workspace> => {
  const name = asked ?? settings.repositories[0]?.name ?? settings.id;
  if ((await tx.table('workspaces').count({ name })) > 0)
    throw fail('record.exists', { noun: 'workspace', id: name });
  const workspace = await tx.table('workspaces').insert({ ...settings, name });
  await tx.emit({ type: 'workspace.created', subject: workspace.id, data: { name } });
  return workspace;
};

const usersOf = async (tx: Tx, workspaceId: string) => ({
  sandboxes: await tx.table('sandboxes').count({ workspaceId, state: NOT_DESTROYED }),
  tasks: await tx.table('tasks').count({ workspaceId, state: UNENDED_TASK_STATES }),
});
