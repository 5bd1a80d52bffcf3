function processTask(payload) {
  return Promise.resolve(payload)
}

process.on('message', async (message) => {
  if (message.type === 'task') {
    // Handle task
    const result = await processTask(message.payload)
    
    // Send progress updates
    process.send({
      id: Math.random().toString(36).slice(2),
      type: 'progress',
      payload: { percent: 50 },
      timestamp: Date.now(),
    })
  }

  if (message.type === 'calculate') {
    // Handle request
    const result = message.payload.values.reduce((a, b) => a + b, 0)
    
    // Send response
    process.send({
      id: message.id, // Same ID for response
      type: 'response',
      payload: result,
      timestamp: Date.now(),
    })
  }
})
