import { Attention } from './attention.tsx';
import { Figures } from './figures.tsx';
import { SandboxList } from './sandbox-list.tsx';
import { TaskList } from './task-list.tsx';

export const OverviewPage = () => (
  <>
    <title>Berth</title>
    <h1 className="hidden">Overview</h1>
    <Figures />
    <Attention />
    <TaskList />
    <SandboxList />
  </>
);
