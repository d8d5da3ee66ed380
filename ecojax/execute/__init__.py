"""Where jobs run: in this process, in one process for each device, or on the nodes of a Ray cluster.

A job is a call of a method of an object that every worker makes for itself and keeps. This room knows neither
what the object is nor what the call does; it knows how a call can end. Import from its modules: a worker must
have set its device before anything imports JAX.
"""
