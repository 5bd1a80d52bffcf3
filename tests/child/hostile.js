// Answers `echo` and `execute`, and misbehaves as it is told.
const { spawn } = require('node:child_process')
const fs = require('node:fs')

process.on('SIGTERM', () => {})
setInterval(() => {}, 1000)

const answer = (id, payload) => process.send({ id, type: 'response', payload, timestamp: Date.now() })

process.on('message', ({ id, type, payload }) => {
  if (type === 'echo') answer(id, payload)
  if (type === 'execute') {
    if (payload === 'die') process.exit(7)
    if (payload !== 'hang') answer(id, payload)
  }
  if (type === 'die') process.exit(payload)
  if (type === 'garbage') {
    fs.writeSync(3, 'no json at all\n\n{}\n[1,2\n\u0000\n')
    answer(id, null)
  }
  if (type === 'long') {
    fs.writeSync(1, 'before\n')
    process.send({ id: 'x', type: 'long', payload: 'x'.repeat(payload), timestamp: 0 })
    answer(id, null)
  }
  if (type === 'flood') {
    for (let n = 0; n < payload; n++) process.send({ id: 'x', type: 'flood', payload: 'y'.repeat(1000), timestamp: 0 })
    answer(id, null)
  }
  if (type === 'print') {
    fs.writeSync(1, 'to stdout\n')
    fs.writeSync(2, 'to stderr\n')
    answer(id, null)
  }
  if (type === 'grandchild') answer(id, spawn('sleep', ['1000']).pid)
  if (type === 'block') for (;;);
})
