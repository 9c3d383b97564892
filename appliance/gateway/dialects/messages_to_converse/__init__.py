"""A client that speaks Anthropic's messages, or is put into them, and a model that AWS offers by Converse alone.

https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html. Converse is a form of AWS's for the same turns and
blocks; nothing of a request passes that has no place in it.
"""
