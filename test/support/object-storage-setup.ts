import type {TestProject} from 'vitest/node'
import {objectStorageFolder, stopObjectStorage} from './object-storage.ts'

/** Makes room for the object storage of a test run, which the first test that needs it starts, and takes it down after the last. */
export default function prepare(project: TestProject): () => Promise<void> {
	const folder = objectStorageFolder()
	project.provide('objectStorage', {folder, ownerPid: process.pid})
	return () => stopObjectStorage(folder)
}
