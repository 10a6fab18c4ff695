import { readdirSync, readFileSync } from 'node:fs';
import type { MetricRegistry, Sample } from './metric-registry.ts';
import { addProcessStart } from './process-start.ts';

const read = (name: string) => readFileSync(`/proc/self/${name}`, 'utf8');
const one = (value: number): Sample[] => [[[], value]];

/**
 * What Prometheus' clients tell of any process (their go_* are told by no other language's), and what the client for Node.js
 * tells of its heap.
 */
export function addProcess(registry: MetricRegistry): void {
  registry.count('process_cpu_seconds_total', 'Seconds of CPU this process has used.', [], () => {
    const { user, system } = process.cpuUsage();
    return one((user + system) / 1e6);
  });
  addProcessStart(registry);
  const gauge = (name: string, help: string, value: () => number) => registry.gauge(name, help, [], () => one(value()));
  gauge('process_open_fds', 'Files this process has open.', () => readdirSync('/proc/self/fd').length);
  gauge('process_max_fds', 'Files this process may have open.', () => limitOf('open files'));
  const rss = () => process.memoryUsage.rss();
  gauge('process_resident_memory_bytes', 'Memory of this process in bytes.', rss);
  const addressSpace = () => 1024 * Number(/^VmSize:\s*(\d+) kB/m.exec(read('status'))?.[1]);
  gauge('process_virtual_memory_bytes', 'Address space of this process in bytes.', addressSpace);
  const most = () => limitOf('address space');
  gauge('process_virtual_memory_max_bytes', 'Address space this process may have, in bytes.', most);
  registry.count('process_network_receive_bytes_total', 'Bytes that came over the network of this process.', [], () =>
    one(octets('InOctets')),
  );
  registry.count('process_network_transmit_bytes_total', 'Bytes that went over the network of this process.', [], () =>
    one(octets('OutOctets')),
  );
  const heap = (what: 'heapTotal' | 'heapUsed' | 'external') => () => process.memoryUsage()[what];
  gauge('nodejs_heap_size_total_bytes', 'Size of the heap of the main thread in bytes.', heap('heapTotal'));
  gauge('nodejs_heap_size_used_bytes', 'What is in use of it, in bytes.', heap('heapUsed'));
  gauge('nodejs_external_memory_bytes', 'Buffers and the like beside it, in bytes.', heap('external'));
  const [major = '', minor = '', patch = ''] = process.versions.node.split('.');
  registry.gauge(
    'nodejs_version_info',
    'The Node.js this process runs on.',
    ['major', 'minor', 'patch', 'version'],
    () => [[[major, minor, patch, process.version], 1]],
  );
}

/** Where there is none Prometheus' clients tell the largest number that 64 bits have. */
function limitOf(what: string): number {
  const soft = new RegExp(`^Max ${what} +(\\S+)`, 'm').exec(read('limits'))?.[1];
  return soft === 'unlimited' ? 2 ** 64 : Number(soft);
}

/** A line has the names of its numbers, the next one the numbers. */
function octets(name: string): number {
  const [names = [], numbers = []] = read('net/netstat')
    .split('\n')
    .filter((line) => line.startsWith('IpExt:'))
    .map((line) => line.split(' '));
  return Number(numbers[names.indexOf(name)]);
}
