/** Reads one YAML text, away from the thread that serves requests. */
import { parentPort, workerData } from 'node:worker_threads';
import { doYamlWork, type YamlWork } from './yaml-work.ts';

parentPort?.postMessage(doYamlWork(workerData as YamlWork));
