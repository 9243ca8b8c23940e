import { EventsPage } from '../events/events-page.tsx';
import { NewTaskPage } from '../new-task/new-task-page.tsx';
import { OverviewPage } from '../overview/overview-page.tsx';
import { TaskPage } from '../task/task-page.tsx';
import { useRoute } from './route.ts';

export const Page = () => {
  const route = useRoute();
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'new':
      return <NewTaskPage />;
    case 'events':
      return <EventsPage />;
    case 'task':
      return <TaskPage key={route.id} id={route.id} />;
  }
};
