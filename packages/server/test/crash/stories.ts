/** What is under way when the server dies, and how it has to end all the same. */
import type { Task, Workspace, WorkspaceCreate } from '@berth/contract';
import { git, hubOf } from '../system/repository.ts';
import { steps } from '../system/tasks.ts';

export interface Story {
  readonly workspace?: Omit<WorkspaceCreate, 'repositories'> | undefined;
  readonly prompt: string;
  readonly ends: Pick<Task, 'state'> & { readonly code?: string };
  /** Whether the agent had worked before it went wrong, so that its branch stays. */
  readonly worked: boolean;
  /** What others do while no server is running. */
  readonly meanwhile?: ((workspace: Workspace) => void) | undefined;
}

const write = (content: string) => ({ write: { path: 'answer.txt', content } });
const AGREES = { gate: { commands: [{ name: 'check', run: 'grep -q right answer.txt' }] } };
const OTHER = 'Something else';
const DONE = steps(write('right\n'));

export const lands: Story = {
  workspace: AGREES,
  prompt: DONE,
  ends: { state: 'completed' },
  worked: true,
};

export const landsPrepared: Story = {
  ...lands,
  workspace: { ...AGREES, setup: { commands: ['echo ready > "$HOME/ready"'] } },
};

/** One command of the gate gets what another has made. */
export const landsBuilt: Story = {
  ...lands,
  workspace: {
    gate: {
      commands: [
        { name: 'build', run: 'cp answer.txt built.txt' },
        { name: 'check', run: 'grep -q right built.txt', needs: ['build'] },
      ],
    },
  },
};

export const agentFails: Story = {
  workspace: AGREES,
  prompt: steps(write('half\n'), { fail: 'as the test wants it' }),
  ends: { state: 'failed', code: 'agent.failed' },
  worked: true,
};

export const gateIsRed: Story = {
  workspace: AGREES,
  prompt: steps(write('wrong\n')),
  ends: { state: 'failed', code: 'gate.red' },
  worked: true,
};

export const setupFails: Story = {
  workspace: { ...AGREES, setup: { commands: ['exit 3'] } },
  prompt: DONE,
  ends: { state: 'failed', code: 'setup.failed' },
  worked: false,
};

/** Another landing comes between the gate and the move of the target, so it is landed anew on what came. */
export const overtaken: Story = {
  ...lands,
  meanwhile: (workspace) => {
    const hub = hubOf(workspace);
    const [tip, tree] = git(hub, 'rev-parse', 'main', 'main^{tree}').split('\n');
    if (tip === undefined || tree === undefined) throw new Error('the target is empty');
    // Once: the second death finds it moved.
    if (git(hub, 'log', '-1', '--format=%s', 'main') === OTHER) return;
    const other = git(hub, 'commit-tree', '-p', tip, '-m', OTHER, tree);
    git(hub, 'update-ref', 'refs/heads/main', other, tip);
  },
};

export const givenUp: Story = { ...lands, ends: { state: 'failed', code: 'work.crashed' } };
