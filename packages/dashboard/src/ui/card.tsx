import type { ReactNode } from 'react';

interface CardProps {
  readonly title: string;
  /** At the end of the title line. */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export const Card = ({ title, aside, children }: CardProps) => (
  <section className="card" aria-label={title}>
    <div className="card-head">
      <h2>{title}</h2>
      {aside}
    </div>
    {children}
  </section>
);
