import type { Event } from '@berth/contract';
import { useState } from 'react';
import { taskAddress } from '../shell/route.ts';
import { Card } from '../ui/card.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useEvents } from './use-events.ts';

export const EventsPage = () => {
  const [wanted, setWanted] = useState('');
  const { events, failure } = useEvents();
  const shown = events.filter(({ type, subject }) => `${type} ${subject}`.includes(wanted.trim()));
  return (
    <Card
      title="Events"
      aside={
        <input
          type="search"
          aria-label="Filter by type or id"
          placeholder="type or id"
          spellCheck={false}
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
      }
    >
      <title>Events · Berth</title>
      <FailureNote failure={failure} />
      {shown.length === 0 && <p className="empty">No match among the latest events.</p>}
      <ul className="events">
        {shown.map((event) => (
          <EventRow key={event.seq} event={event} />
        ))}
      </ul>
    </Card>
  );
};

const EventRow = ({ event }: { readonly event: Event }) => {
  const { seq, at, type, subject, data } = event;
  const address = type.startsWith('task.') ? taskAddress(subject) : undefined;
  return (
    <li>
      <details>
        <summary>
          <span className="soft seq">{seq}</span>
          <time className="soft" dateTime={new Date(at).toISOString()}>
            {new Date(at).toLocaleTimeString()}
          </time>
          <strong className="told">{type}</strong>
          <code className="soft told">
            {address === undefined ? subject : <a href={address}>{subject}</a>}
          </code>
        </summary>
        <pre>{JSON.stringify(data, undefined, 2)}</pre>
      </details>
    </li>
  );
};
