"""What the service talks about: detectors, tasks, jobs, entities; frozen values ⇄ documents."""
