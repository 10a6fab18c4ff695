import { FakeClock, seededRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { requestInfoOf } from '../request-info.ts';
import { QueueSet, type QueueSetLimits, type Ticket } from './queue-set.ts';
import { Dealer } from './shuffle-sharding.ts';

const info = requestInfoOf('GET', '/api/v1/pods', new URLSearchParams());
const user = { name: 'jane', groups: [] };

function limits(seats: number, queues = 8, handSize = 2, lengthLimit = 50): QueueSetLimits {
  return { seats, exempt: false, queuing: { queues, lengthLimit, dealer: new Dealer(queues, handSize) } };
}

function asked(distinguisher: string, initialSeats = 1, finalSeats = 0, additionalMs = 0) {
  return { schema: 's', distinguisher, work: { initialSeats, finalSeats, additionalMs }, info, user };
}

function started(queues: QueueSet, request = asked('a')): Ticket {
  const ticket = queues.start(request);
  if (typeof ticket === 'string') throw new Error(ticket);
  return ticket;
}

test('requests run while there are seats, wait in a queue when there are none, and get what is freed', () => {
  const queues = new QueueSet(new FakeClock(), limits(2));
  const [first, second, third] = [started(queues), started(queues), started(queues)];
  expect([first.state, second.state, third.state]).toEqual(['running', 'running', 'waiting']);
  let woken = 0;
  third.wake = () => woken++;
  queues.finish(first);
  expect(third.state).toBe('running');
  expect(woken).toBe(1);
  queues.finish(second);
  queues.finish(third);
  expect(queues.isIdle).toBe(true);
  expect(queues.seatsInUse).toBe(0);
  expect(queues.queues.size).toBe(0);
});

test('a full queue refuses, and who gives up leaves its place', () => {
  const queues = new QueueSet(new FakeClock(), limits(1, 1, 1, 2));
  const running = started(queues);
  const waiting = [started(queues), started(queues)];
  expect(queues.start(asked('a'))).toBe('queue-full');
  queues.cancel(waiting[0] as Ticket);
  expect(started(queues).state).toBe('waiting');
  queues.finish(running);
  expect(waiting[1]?.state).toBe('running');
  expect(queues.counts).toEqual({ dispatched: 2, rejected: 2, cancelled: 1 });
});

test('without queues what finds no seat is refused; what is exempt never is', () => {
  const reject = new QueueSet(new FakeClock(), { seats: 1, exempt: false, queuing: undefined });
  const ticket = started(reject);
  expect(reject.start(asked('a'))).toBe('concurrency-limit');
  reject.finish(ticket);
  expect(started(reject).state).toBe('running');
  const exempt = new QueueSet(new FakeClock(), { seats: 0, exempt: true, queuing: undefined });
  for (let i = 0; i < 100; i++) expect(started(exempt).state).toBe('running');
});

test('a request wider than its level runs alone', () => {
  const queues = new QueueSet(new FakeClock(), limits(4));
  const narrow = started(queues);
  const wide = started(queues, asked('b', 10));
  expect(wide.state).toBe('waiting');
  queues.finish(narrow);
  expect(wide.state).toBe('running');
  expect(started(queues, asked('c')).state).toBe('waiting');
});

test('seats stay taken while watchers are told of a write', async () => {
  const clock = new FakeClock();
  const queues = new QueueSet(clock, limits(2));
  const write = started(queues, asked('a', 1, 2, 50));
  const next = started(queues, asked('b'));
  queues.finish(write);
  expect(next.state).toBe('waiting');
  await clock.advance(50);
  expect(next.state).toBe('running');
});

test('more seats at once let in who waits', () => {
  const queues = new QueueSet(new FakeClock(), limits(1));
  const tickets = Array.from({ length: 4 }, (_, i) => started(queues, asked(`f${i}`)));
  expect(tickets.filter(({ state }) => state === 'running')).toHaveLength(1);
  queues.configure(limits(3));
  expect(tickets.filter(({ state }) => state === 'running')).toHaveLength(3);
});

/** Clients that always have `width` requests out; each request takes `ms`. @returns seat-seconds by client. */
async function simulate(
  queues: QueueSet,
  clock: FakeClock,
  clients: Record<string, { width: number; ms: () => number; seats?: number }>,
) {
  const served: Record<string, number> = {};
  const ask = (name: string) => {
    const { ms, seats = 1 } = clients[name] as (typeof clients)[string];
    const ticket = queues.start(asked(name, seats));
    if (typeof ticket === 'string') return void clock.schedule(10, () => ask(name));
    const run = () => {
      const took = ms();
      clock.schedule(took, () => {
        served[name] = (served[name] ?? 0) + took * seats;
        queues.finish(ticket);
        ask(name);
      });
    };
    if (ticket.state === 'running') run();
    else ticket.wake = run;
  };
  for (const [name, { width }] of Object.entries(clients)) for (let i = 0; i < width; i++) ask(name);
  for (let at = 0; at < 10_000; at += 10) await clock.advance(10);
  return served;
}

test.each([1, 2, 3])(
  'a client with forty times the requests gets no more seats than the other (seed %i)',
  async (seed) => {
    const clock = new FakeClock();
    const rng = seededRng(seed);
    const ms = () => 10 * (1 + Math.floor(rng.next() * 5));
    const queues = new QueueSet(clock, limits(4, 64, 6));
    const served = await simulate(queues, clock, { elephant: { width: 200, ms }, mouse: { width: 5, ms } });
    const total = (served['elephant'] ?? 0) + (served['mouse'] ?? 0);
    expect(total).toBeGreaterThan(4 * 10_000 * 0.95);
    expect(served['mouse'] as number).toBeGreaterThan(total * 0.14);
  },
);

test('in one queue each, two greedy clients share the seats by what they cost, not by how many they ask', async () => {
  const clock = new FakeClock();
  const queues = new QueueSet(clock, limits(4, 16, 1));
  const served = await simulate(queues, clock, {
    slow: { width: 20, ms: () => 200 },
    fast: { width: 20, ms: () => 20 },
  });
  const ratio = (served['slow'] as number) / (served['fast'] as number);
  expect(ratio).toBeGreaterThan(0.7);
  expect(ratio).toBeLessThan(1.4);
});

test('what a request took longer than was thought is paid for by its own queue', async () => {
  const clock = new FakeClock();
  const queues = new QueueSet(clock, limits(1, 16, 1));
  const busy = started(queues, asked('busy'));
  await clock.advance(5_000);
  const late = Array.from({ length: 5 }, () => started(queues, asked('late')));
  const again = Array.from({ length: 5 }, () => started(queues, asked('busy')));
  queues.finish(busy);
  const order: string[] = [];
  for (let i = 0; i < 10; i++) {
    const running = [...late, ...again].find(({ state }) => state === 'running') as Ticket;
    order.push(running.request.distinguisher);
    await clock.advance(3);
    queues.finish(running);
  }
  expect(order.slice(0, 5)).toEqual(Array(5).fill('late'));
  expect(queues.isIdle).toBe(true);
});
